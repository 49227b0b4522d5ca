-- What was never done ends, too: nothing is said of a recording that went before it.
ALTER TABLE request_outcomes DROP CONSTRAINT request_outcomes_end_once_done;
