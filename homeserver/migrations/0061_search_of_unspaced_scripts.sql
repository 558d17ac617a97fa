-- Search of Chinese, Japanese and Korean: each such character is a word of its own in the index (see store/search.rs), so that any part of a
-- sentence is found. What was said before in these scripts is indexed anew; the index keeps no text to change.

-- The texts that need it.
CREATE TEMPORARY TABLE search_again AS
WITH scripts (letter) AS (
    SELECT '[' || char(0x1100, 45, 0x11ff) || char(0x2e80, 45, 0x9fff) || char(0xa960, 45, 0xa97f) || char(0xac00, 45, 0xd7fb) || char(0xf900, 45, 0xfaff) || char(0xff66, 45, 0xffdc) || char(0x1b000, 45, 0x1b16f) || char(0x20000, 45, 0x323af) || ']'
),
texts AS (
    SELECT e.event_sn, t.type,
        CASE t.type WHEN 'm.room.message' THEN '$.content.body' WHEN 'm.room.name' THEN '$.content.name' ELSE '$.content.topic' END AS field,
        j.json
    FROM event_types t JOIN events e ON e.type_sn = t.type_sn JOIN event_json j ON j.event_sn = e.event_sn
    WHERE t.type IN ('m.room.message', 'm.room.name', 'm.room.topic') AND e.redacted_by IS NULL AND json_valid(j.json)
)
SELECT x.event_sn, x.type, json_extract(x.json, x.field) AS text
FROM texts x, scripts s
WHERE json_type(x.json, x.field) = 'text' AND json_extract(x.json, x.field) GLOB '*' || s.letter || '*'
    AND x.event_sn IN (SELECT rowid FROM event_search);

DELETE FROM event_search WHERE rowid IN (SELECT event_sn FROM search_again);

INSERT INTO event_search (rowid, body, name, topic)
WITH scripts (letter) AS (
    SELECT '[' || char(0x1100, 45, 0x11ff) || char(0x2e80, 45, 0x9fff) || char(0xa960, 45, 0xa97f) || char(0xac00, 45, 0xd7fb) || char(0xf900, 45, 0xfaff) || char(0xff66, 45, 0xffdc) || char(0x1b000, 45, 0x1b16f) || char(0x20000, 45, 0x323af) || ']'
),
apart AS (
    SELECT a.event_sn, a.type, (
        WITH RECURSIVE place (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM place WHERE n < length(a.text))
        SELECT group_concat(CASE WHEN substr(a.text, n, 1) GLOB s.letter THEN ' ' || substr(a.text, n, 1) || ' ' ELSE substr(a.text, n, 1) END, '' ORDER BY n)
        FROM place
    ) AS text
    FROM search_again a, scripts s
)
SELECT event_sn, CASE WHEN type = 'm.room.message' THEN text END, CASE WHEN type = 'm.room.name' THEN text END,
    CASE WHEN type = 'm.room.topic' THEN text END
FROM apart;

DROP TABLE search_again;
