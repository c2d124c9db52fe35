// SPDX-License-Identifier: Apache-2.0
/**
 * A machine's state into a directory: the pause, the copy of what the running guest is about to
 * write, publication; compaction and removal.
 */
@NullMarked
package dev.faultline.snapshot.internal.save;

import org.jspecify.annotations.NullMarked;
