// SPDX-License-Identifier: Apache-2.0
/**
 * What lies around a vCPU, for unit tests of engines, instructions and machines: translation, bus,
 * interrupts, time, fault style, and engines whose instructions the test writes. What a fake does
 * not do fails the test with the method's name.
 */
@NullMarked
package dev.faultline.testkit.cpu;

import org.jspecify.annotations.NullMarked;
