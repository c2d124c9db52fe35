-- SPDX-License-Identifier: Apache-2.0
-- Rows, an index, joins, groups, changes.
PRAGMA journal_mode = WAL;
CREATE TABLE part (id INTEGER PRIMARY KEY, kind INTEGER, name TEXT, price REAL);
BEGIN;
WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 60000)
INSERT INTO part SELECT i, (i * 7919) % 97, 'part ' || ((i * 104729) % 100003), (i * 31 % 1000) / 10.0 FROM n;
COMMIT;
CREATE INDEX by_kind ON part (kind, price);
CREATE INDEX by_name ON part (name);
SELECT kind, count(*), round(avg(price), 3), min(name) FROM part GROUP BY kind ORDER BY 3, 1 LIMIT 5;
SELECT count(*) FROM part a JOIN part b ON b.kind = a.kind AND b.price = a.price WHERE a.id < 1500;
UPDATE part SET price = price * 1.25 WHERE kind BETWEEN 10 AND 40;
DELETE FROM part WHERE name LIKE 'part 1%7';
SELECT count(*), round(sum(price), 2), max(name) FROM part;
PRAGMA integrity_check;
