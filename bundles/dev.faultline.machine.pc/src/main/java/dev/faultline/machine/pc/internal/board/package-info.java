// SPDX-License-Identifier: Apache-2.0
/** What devices see: ports, device space, interrupt lines, alarms, guarded access to RAM. */
package dev.faultline.machine.pc.internal.board;
