// SPDX-License-Identifier: Apache-2.0
/** Saving, listing, showing, checking and compacting snapshots from the command line. */
package dev.faultline.shell.internal.snapshot;
