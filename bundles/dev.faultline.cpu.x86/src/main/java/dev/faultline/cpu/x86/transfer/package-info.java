// SPDX-License-Identifier: Apache-2.0
/**
 * Transfers with faults in their middle: events, far calls, jumps and returns, task switches (SDM
 * 3A, "Interrupt and Exception Handling" and "Task Management"). Nothing architectural changes
 * before the last access that can fault.
 */
@NullMarked
package dev.faultline.cpu.x86.transfer;

import org.jspecify.annotations.NullMarked;
