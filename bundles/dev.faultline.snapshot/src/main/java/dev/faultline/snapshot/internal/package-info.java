// SPDX-License-Identifier: Apache-2.0
/** The snapshot service: each operation is a few lines that name the rooms it goes through. */
@NullMarked
package dev.faultline.snapshot.internal;

import org.jspecify.annotations.NullMarked;
