// SPDX-License-Identifier: Apache-2.0
/** Restoring snapshots from the command line, one machine or many. */
@NullMarked
package dev.faultline.shell.internal.restore;

import org.jspecify.annotations.NullMarked;
