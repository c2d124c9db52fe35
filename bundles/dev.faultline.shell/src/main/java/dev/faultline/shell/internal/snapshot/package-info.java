// SPDX-License-Identifier: Apache-2.0
/** Saving, listing, showing, checking and compacting snapshots from the command line. */
@NullMarked
package dev.faultline.shell.internal.snapshot;

import org.jspecify.annotations.NullMarked;
