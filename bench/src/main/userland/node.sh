# SPDX-License-Identifier: Apache-2.0
prepare() { :; }
work() { node /jobs/node.js; }
