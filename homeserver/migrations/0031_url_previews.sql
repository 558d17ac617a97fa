-- Previews of pages, and their pictures as part of the media cache.

-- What was found out about a page, as it is answered; the newest row of a URL counts.
CREATE TABLE url_previews (
    url             TEXT    NOT NULL,
    fetched_ts      INTEGER NOT NULL,
    -- JSON in the names of OpenGraph.
    preview         TEXT    NOT NULL,
    -- The picture in our own media.
    media_id        TEXT,
    PRIMARY KEY (url, fetched_ts)
) STRICT, WITHOUT ROWID;
CREATE INDEX url_previews_by_age ON url_previews (fetched_ts);

-- Pictures of previews lie among our media, and may be forgotten like other servers' files.
ALTER TABLE media ADD COLUMN preview INTEGER NOT NULL DEFAULT 0;
