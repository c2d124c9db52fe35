// SPDX-License-Identifier: Apache-2.0
/**
 * The interpreting engine: blocks of decoded instructions, found by guest-physical address, and the
 * loop that runs them.
 */
@NullMarked
package dev.faultline.cpu.interpreter.internal;

import org.jspecify.annotations.NullMarked;
