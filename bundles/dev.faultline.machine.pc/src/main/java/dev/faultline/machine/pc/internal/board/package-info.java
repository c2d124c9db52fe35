// SPDX-License-Identifier: Apache-2.0
/** What devices see: ports, device space, interrupt lines, alarms, guarded access to RAM. */
@NullMarked
package dev.faultline.machine.pc.internal.board;

import org.jspecify.annotations.NullMarked;
