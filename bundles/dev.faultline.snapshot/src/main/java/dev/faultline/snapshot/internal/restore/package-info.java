// SPDX-License-Identifier: Apache-2.0
/**
 * A snapshot's pages into a machine: at once, on demand at the first access, ahead of it, or in the
 * background.
 */
@NullMarked
package dev.faultline.snapshot.internal.restore;

import org.jspecify.annotations.NullMarked;
