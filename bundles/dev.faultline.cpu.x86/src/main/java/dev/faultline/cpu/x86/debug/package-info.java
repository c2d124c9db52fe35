// SPDX-License-Identifier: Apache-2.0
/**
 * Debug exceptions: single-stepping, breakpoints, and what holds them off. Below memory, since data
 * breakpoints are met there.
 */
@NullMarked
package dev.faultline.cpu.x86.debug;

import org.jspecify.annotations.NullMarked;
