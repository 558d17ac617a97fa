-- Where a local user stopped being joined, and the member event that ended it: what was said and set later is not theirs to see, even when
-- they are invited, knock or are banned afterwards. NULL while they are joined and when they never were.
ALTER TABLE local_memberships ADD COLUMN left_position INTEGER;
ALTER TABLE local_memberships ADD COLUMN left_event_sn INTEGER;
-- Of those who left and then were invited or knocked, only the joining is known any more.
UPDATE local_memberships SET left_position = CASE WHEN membership IN (0, 4) THEN position ELSE joined_position END,
    left_event_sn = CASE WHEN membership IN (0, 4) THEN event_sn END
WHERE membership <> 1 AND joined_position IS NOT NULL;
