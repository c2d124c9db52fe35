// SPDX-License-Identifier: Apache-2.0
/**
 * The PC's chips, one package each, and their wiring. Called by the board on vCPU threads and the
 * timer thread.
 */
@NullMarked
package dev.faultline.device.pc.internal;

import org.jspecify.annotations.NullMarked;
