// SPDX-License-Identifier: Apache-2.0
/** What is written to the flight recorder. */
@NullMarked
package dev.faultline.machine.pc.internal.event;

import org.jspecify.annotations.NullMarked;
