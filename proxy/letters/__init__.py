"""What people are sent and told, in French and English: texts, and nothing else."""
