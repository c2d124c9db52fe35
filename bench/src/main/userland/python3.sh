# SPDX-License-Identifier: Apache-2.0
prepare() { :; }
work() { python3 -B -I /jobs/python.py; }
