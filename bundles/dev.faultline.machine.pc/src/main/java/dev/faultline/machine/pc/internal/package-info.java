// SPDX-License-Identifier: Apache-2.0
/**
 * The PC as a service: each method of the machine is a line into a room; what it is made of, and in
 * which order, is in {@code Wiring}. Chips and engines come as services.
 */
@NullMarked
package dev.faultline.machine.pc.internal;

import org.jspecify.annotations.NullMarked;
