// SPDX-License-Identifier: Apache-2.0
/** General-purpose instructions (SDM 1, "Programming With General-Purpose Instructions"). */
@NullMarked
package dev.faultline.cpu.x86.semantics.integer;

import org.jspecify.annotations.NullMarked;
