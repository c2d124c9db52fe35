# SPDX-License-Identifier: Apache-2.0
# Words are counted and sorted; sums of fractions.
prepare() {
    /usr/bin/gawk 'BEGIN { s = 7; for (i = 0; i < 60000; i++) { l = ""; for (j = 0; j < 8; j++) { s = (s * 1103515245 + 12345) % 2147483648; l = l " w" int(s / 65536) % 5000 }; print l } }' >/tmp/words
}
work() {
    /usr/bin/gawk '{ for (i = 1; i <= NF; i++) { n[$i]++; if ($i ~ /^w1.*7$/) m++ } sub(/w[0-9]*/, "x"); k += length($0) }
        END { c = asorti(n, o); for (i = 1; i <= c; i++) t += i * n[o[i]]; for (i = 1; i <= 600000; i++) s += 1 / i / i; printf "%d %d %d %d %.12f\n", c, t, m, k, s }' /tmp/words
}
