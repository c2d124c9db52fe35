# SPDX-License-Identifier: Apache-2.0
prepare() { :; }
work() { perl /jobs/perl.pl; }
