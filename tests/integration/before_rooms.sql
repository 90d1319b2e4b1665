-- A recorded call as 0001 stored it: the caller and a colleague, and one who joined after the last heartbeat.
INSERT INTO calls VALUES ('pbx1', '1763802000.7', 'switchboard', 'incoming',
    '2026-11-22 09:00:00Z', '2026-11-22 09:00:09Z', 'recorded', NULL, '\x010203', decode(repeat('ab', 32), 'hex'));
INSERT INTO recordings VALUES ('01KAMN0M000000000000000001', 'pbx1', '1763802000.7', 'gate', 'run-1', 'announce',
    'conversation', '2026-11-22 09:00:00Z', '2026-11-22 09:00:09Z', 'recorded', NULL, repeat('0', 64), '0.1.0', '22.10.0',
    16, repeat('c', 64), '2026-11-22 09:00:07.96Z', 'calls/x/manifest.json', repeat('e', 64));
INSERT INTO parties VALUES
    ('01KAMN0M000000000000000001', 'p01', 'outside', '1763802000.7', 'PJSIP/trunk', false, '2026-11-22 09:00:00Z'),
    ('01KAMN0M000000000000000001', 'p02', 'house', '1763802000.8', 'PJSIP/2001', true, '2026-11-22 09:00:04Z'),
    ('01KAMN0M000000000000000001', 'p03', 'house', '1763802000.9', 'PJSIP/2002', true, '2026-11-22 09:00:08.5Z');
INSERT INTO notices VALUES ('01KAMN0M000000000000000001', 1, 'p01', 'welcome-en', 'en', repeat('1', 64), 2500, 2000,
    'cg-1-1', '2026-11-22 09:00:00.5Z', '2026-11-22 09:00:03Z', 125, 125, NULL, NULL);
INSERT INTO permits VALUES ('01KAMN0M000000000000000001', 1, '2026-11-22 09:00:03Z', NULL, NULL, '2026-11-22 09:00:07.96Z');
INSERT INTO permit_parties VALUES
    ('01KAMN0M000000000000000001', 1, 'p01', '2026-11-22 09:00:03Z', false, 1, '2026-11-22 09:00:03Z'),
    ('01KAMN0M000000000000000001', 1, 'p02', '2026-11-22 09:00:04Z', true, NULL, NULL),
    ('01KAMN0M000000000000000001', 1, 'p03', '2026-11-22 09:00:08.5Z', true, NULL, NULL);
INSERT INTO segments VALUES ('01KAMN0M000000000000000001', 1, 'calls/x/seg-001.flac', repeat('d', 64), 1000, 8000, 31680,
    '2026-11-22 09:00:04Z', '{p01,p02,p03}');
INSERT INTO tracks VALUES
    ('01KAMN0M000000000000000001', 1, 'p01', 1, true, '2026-11-22 09:00:04Z', '2026-11-22 09:00:08Z', 0, 31680, 320, 0,
     false, 1, 0, '2026-11-22 09:00:04Z', '2026-11-22 09:00:07.96Z', '2026-11-22 09:00:03Z', '2026-11-22 09:00:07.96Z', 1),
    ('01KAMN0M000000000000000001', 1, 'p02', 1, true, '2026-11-22 09:00:04Z', '2026-11-22 09:00:08Z', 0, 31680, 320, 0,
     false, 2, 0, '2026-11-22 09:00:04Z', '2026-11-22 09:00:07.96Z', '2026-11-22 09:00:04Z', '2026-11-22 09:00:07.96Z', 1);
INSERT INTO gaps VALUES
    ('01KAMN0M000000000000000001', '2026-11-22 09:00:00Z', '2026-11-22 09:00:04Z', 'announcement'),
    ('01KAMN0M000000000000000001', '2026-11-22 09:00:07.96Z', '2026-11-22 09:00:09Z', 'no_heartbeat');
