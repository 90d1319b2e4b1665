-- Rooms: parties of other recordings, permits that narrow, and what suspends a capture.

INSERT INTO outcomes (reason) VALUES
    ('outgoing_announcement_missing'), ('answering_machine'), ('too_many_segments'),
    ('held'), ('music_on_hold'), ('parked'), ('no_conversation'), ('voicemail'), ('telephone_conference'),
    ('channel_replaced'), ('paused'), ('objected'), ('room_changed'), ('capture_starting'), ('emergency_number');
