// SPDX-License-Identifier: Apache-2.0
/** One snapshot, opened for reading or being written: sections, chunks, index, content hashes. */
@NullMarked
package dev.faultline.snapshot.internal.image;

import org.jspecify.annotations.NullMarked;
