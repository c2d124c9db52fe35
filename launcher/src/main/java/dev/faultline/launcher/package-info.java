// SPDX-License-Identifier: Apache-2.0
/**
 * Starts the framework with the installation's bundles, takes in what lies in etc and deploy, and
 * hands the command line to the shell.
 */
@NullMarked
package dev.faultline.launcher;

import org.jspecify.annotations.NullMarked;
