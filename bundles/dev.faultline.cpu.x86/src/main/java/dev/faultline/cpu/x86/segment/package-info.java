// SPDX-License-Identifier: Apache-2.0
/**
 * Descriptors and segment registers, the stack of a privilege level, and the writes that are
 * planned before the first is done (SDM 3A, "Protected-Mode Memory Management" and "Protection").
 * What {@link dev.faultline.cpu.x86.transfer} and the system instructions are made of.
 */
@NullMarked
package dev.faultline.cpu.x86.segment;

import org.jspecify.annotations.NullMarked;
