// SPDX-License-Identifier: Apache-2.0
/**
 * Writes what the instruction table implies, when {@code dev.faultline.cpu.x86} is built: the Ops
 * of instructions that have a shape, and which row becomes which Op. Runs in the build only.
 */
@NullMarked
package dev.faultline.cpu.x86.isa.generator;

import org.jspecify.annotations.NullMarked;
