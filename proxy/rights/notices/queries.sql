-- name: find_notices_in_force(site_id)
SELECT DISTINCT ON (n.kind, n.language) n.kind, n.language, n.version
FROM notices AS n
WHERE n.site_id = $1
ORDER BY n.kind, n.language, n.began_at DESC;

-- name: insert_notice(site_id, kind, language, version, text, began_at)
-- Not again what is in force already: two replicas may both have noticed a change.
INSERT INTO notices (site_id, kind, language, version, text, began_at)
SELECT $1, $2, $3, $4, $5, $6
WHERE $4 IS DISTINCT FROM (
  SELECT n.version FROM notices AS n
  WHERE n.site_id = $1 AND n.kind = $2 AND n.language = $3
  ORDER BY n.began_at DESC LIMIT 1
)
ON CONFLICT DO NOTHING;

-- name: list_notices(site_id)
SELECT
  n.kind, n.language, n.version, n.text, n.began_at,
  lead(n.began_at) OVER (
    PARTITION BY n.kind, n.language ORDER BY n.began_at
  ) AS ended_at
FROM notices AS n
WHERE n.site_id = $1
ORDER BY n.began_at DESC, n.kind, n.language;
