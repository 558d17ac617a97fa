-- Application services are told whom their users began to see and no longer see, of all users at once.
CREATE INDEX device_list_sightings_by_time ON device_list_sightings (position);
