// SPDX-License-Identifier: Apache-2.0
/**
 * The bytes of a snapshot on disk and what they mean: manifest, index entries, traces, hashes. No
 * policy of reading or writing.
 */
@NullMarked
package dev.faultline.snapshot.internal.format;

import org.jspecify.annotations.NullMarked;
