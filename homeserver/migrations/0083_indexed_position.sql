-- What was said up to this position of the timelines can be searched for; what came after it is still to be indexed.

ALTER TABLE server ADD COLUMN indexed_position INTEGER NOT NULL DEFAULT 0;
UPDATE server SET indexed_position = position;
