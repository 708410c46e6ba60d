#!/bin/sh
# sqlite3: a database in memory: rows inserted, indexes, joins, text functions, updates, deletes.
. "$(dirname "$0")/common.sh"
need sqlite3 sqlite3

rows=500000
cat >work.sql <<END
PRAGMA cache_size = -65536;
CREATE TABLE customer (id INTEGER PRIMARY KEY, name TEXT, town TEXT);
CREATE TABLE item (id INTEGER PRIMARY KEY, customer INTEGER, what TEXT, price REAL, note TEXT);
BEGIN;
WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < $rows / 20)
  INSERT INTO customer SELECT i, printf('name-%06d', i * 7919 % 100003), 'town-' || (i * 31 % 97) FROM n;
WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < $rows)
  INSERT INTO item SELECT i, i * 7919 % ($rows / 20) + 1, 'thing-' || (i * 271 % 1009), (i * 13 % 10007) / 100.0,
    substr('a note that is longer for some than for others, as notes are in life', 1, 5 + i * 37 % 60) FROM n;
COMMIT;
CREATE INDEX item_customer ON item (customer, price);
CREATE INDEX item_what ON item (what);
CREATE INDEX customer_name ON customer (name);
SELECT town, count(*), round(sum(price), 2) FROM customer JOIN item ON item.customer = customer.id GROUP BY town ORDER BY town;
SELECT what, group_concat(id % 100, '+') FROM item WHERE id % 7 = 0 GROUP BY what ORDER BY what LIMIT 50;
SELECT upper(substr(note, 1, 20)) AS k, count(*), max(length(replace(note, 'o', 'oo'))) FROM item GROUP BY k ORDER BY k;
UPDATE item SET note = note || '-' || what WHERE id % 3 = 0;
DELETE FROM item WHERE id % 5 = 1;
SELECT count(*), sum(length(note)), round(avg(price), 4) FROM item;
SELECT name, (SELECT json_group_array(what) FROM (SELECT what FROM item WHERE customer = c.id ORDER BY id LIMIT 12)) FROM customer c
  ORDER BY name LIMIT 4000;
END
measured sqlite3 -batch :memory: <work.sql >out 2>err || { cat err >&2; fail "sqlite3 failed"; }
same_sum 3638258995 out
report $rows
