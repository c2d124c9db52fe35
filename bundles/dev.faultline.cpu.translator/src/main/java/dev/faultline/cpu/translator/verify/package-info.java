// SPDX-License-Identifier: Apache-2.0
/**
 * Reads generated code again before it is executed: {@link
 * dev.faultline.cpu.translator.verify.Verifier} accepts only what it can show to touch nothing but
 * the state block and memory that a probe allowed.
 *
 * <p>It shares no code with what writes: neither the assembler nor the instruction table nor the
 * decoder, from which the sizes of probes come.
 */
@NullMarked
package dev.faultline.cpu.translator.verify;

import org.jspecify.annotations.NullMarked;
