#!/bin/sh
# perl: hashes, regular expressions, sorting, sprintf, fork.
. "$(dirname "$0")/common.sh"
need perl

cat >"$place/work.pl" <<'PERL'
use strict; use warnings;
my %count; my @lines;
for my $i (1 .. 25000) {
  my $line = sprintf("%06d %s %x", $i * 7919 % 60000, "ab" x ($i % 90), $i * 31);
  push @lines, $line;
  $count{$_}++ for $line =~ /(\w+)/g;
}
printf "%d words, %d lines\n", scalar(keys %count), scalar(@lines);
my @sorted = sort { $count{$b} <=> $count{$a} || $a cmp $b } keys %count;
print join(",", map { "$_=$count{$_}" } @sorted[0 .. 20]), "\n";
my $text = join("\n", @lines);
(my $other = $text) =~ s/(ab)+/length($&)/ge;
print length($text), " ", length($other), " ", unpack("%32C*", $other), "\n";
my %deep; $deep{$_ % 10}{$_ % 100}{$_} = [1 .. $_ % 9] for 1 .. 30000;
print join(" ", map { scalar keys %{$deep{$_}} } sort keys %deep), "\n";
for my $n (1 .. 5) {
  pipe(my $r, my $w); $| = 1;
  my $pid = fork() // die;
  if (!$pid) { print $w join("", map { chr(65 + $_ * $n % 26) } 0 .. 5000); close $w; exit 0 }
  close $w; local $/; my $got = <$r>; waitpid $pid, 0;
  print "child $n ", length($got), " ", unpack("%32C*", $got), "\n";
}
PERL
work() { PERL_HASH_SEED=0 under perl "$place/work.pl"; }

used perl -e 1
compare work
