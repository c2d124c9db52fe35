// SPDX-License-Identifier: Apache-2.0
/** The command line: which commands there are, and how one is run. */
package dev.faultline.shell.internal;
