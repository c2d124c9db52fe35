// SPDX-License-Identifier: Apache-2.0
/** Offers {@link dev.faultline.cpu.x86.block.BlockEngine} as the interpreting engine. */
@NullMarked
package dev.faultline.cpu.interpreter.internal;

import org.jspecify.annotations.NullMarked;
