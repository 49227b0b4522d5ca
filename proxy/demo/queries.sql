-- name: count_other_sites(site_id)
-- As the database's owner, who sees every site.
SELECT count(*) FROM sites WHERE site_id <> $1;

-- name: find_history(site_id)
-- How far the site's draws have come; no row before its first start.
SELECT last_epoch, revealed_epoch FROM ledger_heads WHERE site_id = $1;

-- name: count_unsettled(site_id, first_seq, source_prefix)
-- What is still on its way: draws without an outcome, recordings not gone at the source.
SELECT
  (
    SELECT count(*) FROM calls
    WHERE site_id = $1 AND draw_seq >= $2 AND is_record AND outcome IS NULL
  ) + (
    SELECT count(*) FROM takeovers
    WHERE site_id = $1 AND step <> 'done' AND starts_with(source_ref, $3)
  ) AS unsettled;

-- name: list_kept_draws(site_id)
SELECT draw_seq FROM recordings WHERE site_id = $1 AND doomed_at IS NULL;
