-- Full-text search. FTS5 is SQLite's own: what needs it stands here and in store/search.rs.

-- What was said, by event_sn: bodies of messages, names and topics of rooms. The words alone are kept, the text is in event_json.
CREATE VIRTUAL TABLE event_search USING fts5(
    body, name, topic,
    content = '', contentless_delete = 1, tokenize = 'unicode61 remove_diacritics 2'
);

-- What was said before there was an index.
INSERT INTO event_search (rowid, body, name, topic)
SELECT e.event_sn,
    CASE WHEN t.type = 'm.room.message' AND json_type(j.json, '$.content.body') = 'text' THEN json_extract(j.json, '$.content.body') END,
    CASE WHEN t.type = 'm.room.name' AND json_type(j.json, '$.content.name') = 'text' THEN json_extract(j.json, '$.content.name') END,
    CASE WHEN t.type = 'm.room.topic' AND json_type(j.json, '$.content.topic') = 'text' THEN json_extract(j.json, '$.content.topic') END
FROM event_types t JOIN events e ON e.type_sn = t.type_sn JOIN event_json j ON j.event_sn = e.event_sn
WHERE t.type IN ('m.room.message', 'm.room.name', 'm.room.topic') AND e.redacted_by IS NULL AND json_valid(j.json);
