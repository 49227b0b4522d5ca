-- name: read_snapshot(site_id)
SELECT published_at, strata, figures FROM published_figures WHERE site_id = $1;

-- name: replace_snapshot(site_id, replaced_at, published_at, strata, figures)
-- Of two replicas that find it due, one writes; the other shows what that one wrote.
INSERT INTO published_figures AS p (site_id, published_at, strata, figures)
VALUES ($1, $3, $4, $5)
ON CONFLICT (site_id) DO UPDATE
SET published_at = excluded.published_at, strata = excluded.strata,
  figures = excluded.figures
WHERE p.published_at = $2;
