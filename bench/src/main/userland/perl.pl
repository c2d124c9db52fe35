# SPDX-License-Identifier: Apache-2.0
# Hashes, regular expressions, sorting, calls.
use strict;
use warnings;

my $seed = 11;
sub random { $seed = ($seed * 1103515245 + 12345) % 2147483648; return int($seed / 65536) % $_[0]; }

my %count;
my $text = '';
for my $i (1 .. 70000) {
    my $word = join '', map { chr(97 + random(6)) } 1 .. 4;
    $count{$word}++;
    $text .= "$word=" . random(1000) . ($i % 9 ? ' ' : "\n");
}
my $total = 0;
while ($text =~ /\b([a-c]\w+)=(\d+)/g) { $total += $2 * length $1; }
(my $changed = $text) =~ s/(\w)(\w)=/$2$1:/g;
my @order = sort { $count{$b} <=> $count{$a} || $a cmp $b } keys %count;
sub fib { my $n = shift; return $n < 2 ? $n : fib($n - 1) + fib($n - 2); }
printf "%d %s %s %d %d\n", $total, $order[0], $order[-1], length $changed, fib(20);
