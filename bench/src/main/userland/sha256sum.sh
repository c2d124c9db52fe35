# SPDX-License-Identifier: Apache-2.0
prepare() { yes "faultline" | head -c 40000000 >/tmp/data; }
work() { /usr/bin/sha256sum /tmp/data; }
