// SPDX-License-Identifier: Apache-2.0
/** Many machines of one snapshot, which share the pages that none of them wrote. */
@NullMarked
package dev.faultline.snapshot.internal.clone;

import org.jspecify.annotations.NullMarked;
