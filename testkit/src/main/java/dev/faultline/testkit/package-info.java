// SPDX-License-Identifier: Apache-2.0
/**
 * Shared by unit tests of ours and of extensions: a board and a machine as an extension sees them,
 * guests rebuilt and compared, waits.
 */
@NullMarked
package dev.faultline.testkit;

import org.jspecify.annotations.NullMarked;
