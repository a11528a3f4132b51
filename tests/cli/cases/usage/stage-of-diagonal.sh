attrib fit --model m --corpus c -o f --strategy diagonal --stage covariance
