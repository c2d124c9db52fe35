// SPDX-License-Identifier: Apache-2.0
/**
 * Where a snapshot's bytes come from: directories and remote page sources, with patience, retries
 * and parents.
 */
@NullMarked
package dev.faultline.snapshot.internal.source;

import org.jspecify.annotations.NullMarked;
