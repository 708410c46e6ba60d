#!/bin/sh
# sqlite3: tables, indexes, joins, window functions, JSON, full-text search, a file and its vacuum.
. "$(dirname "$0")/common.sh"
need sqlite3

work() {
  under sqlite3 out/data.db <<SQL
PRAGMA journal_mode=WAL;
CREATE TABLE item(id INTEGER PRIMARY KEY, name TEXT, price REAL, tags TEXT);
WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < $((40000 * ${LOAD:-1})))
INSERT INTO item SELECT i, printf('item-%06d-%s', i, hex(i * 7919)), (i * 37 % 1000) / 7.0,
  json_array(i % 13, i % 17, printf('%.*c', i % 200, 'x')) FROM n;
CREATE INDEX item_name ON item(name);
CREATE TABLE sale AS SELECT abs(i.id * 7919 % 40000) AS item, i.id % 365 AS day, i.id % 11 AS count FROM item i;
CREATE INDEX sale_item ON sale(item);
SELECT count(*), sum(length(name)), round(avg(price), 6) FROM item;
SELECT i.name, sum(s.count) AS total FROM sale s JOIN item i ON i.id = s.item GROUP BY i.id ORDER BY total DESC, i.name LIMIT 20;
SELECT day, sum(count) OVER (ORDER BY day ROWS 7 PRECEDING) FROM sale ORDER BY day, 2 LIMIT 50;
SELECT json_extract(tags, '\$[1]'), count(*) FROM item GROUP BY 1 ORDER BY 1;
SELECT length(group_concat(name, ';')) FROM item;
CREATE VIRTUAL TABLE text USING fts5(body);
INSERT INTO text SELECT name || ' ' || tags FROM item WHERE id % 4 = 0;
SELECT count(*) FROM text WHERE text MATCH 'item';
DELETE FROM item WHERE id % 3 = 0;
UPDATE item SET name = name || '-' || name WHERE id % 5 = 0;
VACUUM;
PRAGMA integrity_check;
.dump sale
SQL
  under sqlite3 out/data.db 'SELECT * FROM item' | sha256sum
  under sqlite3 out/data.db 'PRAGMA wal_checkpoint(TRUNCATE)'
}

used sqlite3 :memory: 'SELECT 1'
compare work
