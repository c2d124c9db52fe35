# SPDX-License-Identifier: Apache-2.0
prepare() { :; }
work() { java -Xmx256m -XX:+UseSerialGC -Xshare:auto -cp /jobs Jvm; }
