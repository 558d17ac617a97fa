-- What directories and space trees are read by.

CREATE INDEX rooms_published ON rooms (published) WHERE published = 1;
