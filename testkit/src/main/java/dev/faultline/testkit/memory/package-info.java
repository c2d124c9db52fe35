// SPDX-License-Identifier: Apache-2.0
/**
 * Guest memory and rights for unit tests of what uses them. Each fake keeps its contract's promises
 * as far as its comment says; what it does not do fails the test with the method's name.
 */
@NullMarked
package dev.faultline.testkit.memory;

import org.jspecify.annotations.NullMarked;
