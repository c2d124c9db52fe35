# SPDX-License-Identifier: Apache-2.0
prepare() { :; }
work() { sqlite3 /tmp/bench.db </jobs/sqlite.sql; }
