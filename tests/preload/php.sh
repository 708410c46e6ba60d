#!/bin/sh
# php, which opens its extensions with RTLD_DEEPBIND up to version 8.2.
. "$(dirname "$0")/common.sh"
need php

work() {
  cat >work.php <<'END'
<?php
$words = [];
for ($i = 0; $i < 60000; $i++) {
  $key = md5((string)($i % 7001));
  $words[$key][] = str_repeat(chr(97 + $i % 26), $i % 90);
  if ($i % 5 == 0) unset($words[md5((string)($i % 997))]);
}
ksort($words);
echo count($words), ' ', crc32(serialize($words)), "\n";
class Node { public $next, $text, $self; }
$list = null;
for ($i = 0; $i < 20000; $i++) { $n = new Node; $n->text = sprintf('%05d', $i); $n->next = $list; $list = $n; $n->self = $i % 3 ? null : $n; }
echo strlen(json_encode(array_map(fn($x) => ['x' => $x, 'y' => [$x, (string)$x]], range(1, 3000)))), "\n";
echo preg_replace_callback('/\d+/', fn($m) => $m[0] * 2, implode(',', range(1, 2000))), "\n";
$list = null;
echo gc_collect_cycles(), ' ', function_exists("iconv") ? iconv("UTF-8", "ISO-8859-1", "text") : "text", ' ', function_exists("ctype_alpha") && ctype_alpha("abc") ? "alpha" : "not", "\n";
file_put_contents('out/words', implode("\n", array_keys($words)));
END
  under php -n -r 'echo 1, "\n";'
  under php -r 'echo 1, "\n";'
  under php -d zend.assertions=0 work.php
  under php -d opcache.enable_cli=1 work.php
}

used php -r 'echo 1;'
compare work
